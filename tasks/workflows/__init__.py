"""The workflows: one file each; dropping a file in registers it."""
