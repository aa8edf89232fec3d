"""From the text of a script to its tree: Lark's grammar and what it builds."""
