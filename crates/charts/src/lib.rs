//! Draws what was measured on any plotters backend: as SVG on the server for the first paint, on a canvas in the browser.
