"""Files that report events: epoll, eventfd, timerfd, inotify."""
