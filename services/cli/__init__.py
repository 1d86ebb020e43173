"""The `lianyun` command: data on stdout, progress and errors on stderr, documented exit codes."""
