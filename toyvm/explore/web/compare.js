// The panel of the comparison.
function showCompare(panel, data, app) {}
