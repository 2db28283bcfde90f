"""The torch engine's worker: transformers models, PEFT adapters and preference losses behind a line protocol."""
