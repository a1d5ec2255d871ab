"""`python -m otelsiem` is the `otelsiem` command."""

from otelsiem.cli import main

if __name__ == "__main__":
    main()
