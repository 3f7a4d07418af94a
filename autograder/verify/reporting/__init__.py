"""Results of a verification for people: tables, pages, and the messages that students read."""
