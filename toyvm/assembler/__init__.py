"""From assembly text to a relocatable object. The grammar names no mnemonic: the instruction table does."""
