"""A shop that answers its customers' questions with the help of an AI operations server."""
