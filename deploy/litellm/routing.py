"""The classifier that config.yaml names: `routerlab serve`, the service of compose.yaml."""

from routerlab.integrations.litellm import at

classifier = at("http://serve:8088")
