"""Code that a model wrote, run in a sandbox; explanations, held against facts."""
