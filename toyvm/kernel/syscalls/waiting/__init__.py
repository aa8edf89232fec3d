"""System calls that wait: poll and epoll, futexes, and the descriptors and timers made to be waited for."""
