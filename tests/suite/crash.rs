//! Crashes, restarts, signals.
