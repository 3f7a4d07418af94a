"""Running the checks on trusted code, in this process and in child processes."""
