"""What clean does with a whole table: repeats, and the figures of what is left."""
