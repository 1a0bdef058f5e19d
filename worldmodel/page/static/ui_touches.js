// Touches [x, y, dt] as swipes.

const SWIPE = 0.1; // seconds: a touch that comes later begins a new swipe

/** Touches in swipes of [x, y, seconds since the first touch]. */
export function swipesOf(touches) {
  const swipes = [];
  let time = 0;
  touches.forEach(([x, y, dt], at) => {
    if (at) time += dt;
    if (at === 0 || dt > SWIPE) swipes.push([]);
    swipes.at(-1).push([x, y, time]);
  });
  return swipes;
}

/** Seconds from the first touch to the last. */
export function lengthOf(touches) {
  return touches.slice(1).reduce((sum, [, , dt]) => sum + dt, 0);
}
