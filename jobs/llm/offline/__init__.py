"""Stand-ins for what costs money: a teacher and a judge, each a real HTTP server's content.

They are rule-based and seeded, share nothing but jobs.domain, and every report says in its first
lines when one of them was used.
"""
