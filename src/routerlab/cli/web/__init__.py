"""`routerlab web`: the lab in a browser. A tab shows a process of its own; nothing here draws a screen."""
