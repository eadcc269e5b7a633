"""What a bench runs beside ours, as scripts for other launchers."""
