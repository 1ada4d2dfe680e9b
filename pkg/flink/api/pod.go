package api

// mainContainer is where Flink runs.
const MainContainer = "flink-main-container"
