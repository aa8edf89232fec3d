// The panel of the load.
function showLoad(panel, data, app) {}
