// Stands in for react-style-singleton, which locks the scrolling of the body behind a dialog
// through an inline style element. Our body does not scroll, and the CSP forbids such elements.
export const styleSingleton = () => () => null;
