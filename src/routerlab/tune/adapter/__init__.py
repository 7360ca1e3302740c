"""Adapters: small matrices (LoRA) that an encoder computes with, trained together with its head. Only here,
and inside functions, is torch imported; what a router does with an adapter is the engine's."""
