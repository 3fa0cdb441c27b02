"""The support workflow as it is delivered, for the stack's processes to find."""

from tasks.workflows.support_reply import support_reply

__all__ = ["support_reply"]
