"""What users bring: files and web pages, read into texts, chats and preferences."""
