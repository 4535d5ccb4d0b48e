"""Kernels: products of a matrix with activations, for the CPU and for CUDA."""
