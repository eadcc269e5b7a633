"""The report's pages: what stands in them, a module for each part; how it is set, in templates/."""
