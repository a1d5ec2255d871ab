"""What protoc makes of `proto/otelsiem/v1`, checked in; `python3 -m tests.proto.generate` makes it again."""
