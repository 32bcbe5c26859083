"""A model plays the assistant of a conversation, and what makes such a rollout right (paper, section 3.4)."""
