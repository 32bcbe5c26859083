"""The whole paper as one job: its steps in order, each the job of its own command in a directory of its own."""
