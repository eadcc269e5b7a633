"""What a judge's answers in its examination show, one check after another."""
