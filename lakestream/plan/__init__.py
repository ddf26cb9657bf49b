"""The logical plan and the types, pure."""
