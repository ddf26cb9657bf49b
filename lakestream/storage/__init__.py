"""The two storage seams and their backends."""
