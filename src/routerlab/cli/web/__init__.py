"""`routerlab web`: the lab in a browser. What a tab shows is a process of its own; nothing here draws a screen."""
