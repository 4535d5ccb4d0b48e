"""The model: tensors in, tensors out. Imports nothing from the layers above it."""
