"""`otelsiem schema`: the JSON Schema of a configuration file, for editors."""

from __future__ import annotations

from otelsiem.cli import exits, say


def schema() -> None:
    """Print the JSON Schema of a configuration file.

    For editors, with the components that are installed. Begin the configuration with the second line:

    \b
    otelsiem schema > otelsiem.schema.json
    # yaml-language-server: $schema=otelsiem.schema.json
    """
    from otelsiem.config.schema import schema as document

    with exits.told():
        made = document()
    say.data(made)
