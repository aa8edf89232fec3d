// The panel of the build.
function showBuild(panel, data, app) {}
