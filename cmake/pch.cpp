// Carrier of the precompiled header; see AddSsm.cmake.
