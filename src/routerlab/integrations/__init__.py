"""A router inside the gateways that others run: a module for each, imported without the gateway."""
