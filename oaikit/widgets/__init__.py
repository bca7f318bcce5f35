"""What oaikit shows in notebooks: live streams, the chat. The browser's side is in frontend/."""
