"""What students run in the folder that they unpacked."""
