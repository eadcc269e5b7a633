"""Calling a model over an API: client, journal, Ray Data plumbing; the offline stand-ins."""
