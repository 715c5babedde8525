"""What a window has done beside itself: streams of events in a thread that touch no widget and no layer."""
