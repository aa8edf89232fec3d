"""What is known of a region of code before it is printed: control flow, loops, linear forms, NaN boxes."""
