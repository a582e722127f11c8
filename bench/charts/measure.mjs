// Draws the same chart, 4 lines of 1,500 points, by the product's own code and by uPlot, side by side in one Chromium, in
// turns. Prints one line of JSON: milliseconds of each drawing. Called by `cargo xtask bench charts`.
//
// node measure.mjs <folder of the wasm> <chromium>

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { chromium } = require('@playwright/test');
const [wasmFolder, executablePath] = process.argv.slice(2);
const uplot = join(require.resolve('uplot/package.json'), '../dist');

const FILES = {
  '/': ['text/html', () => PAGE],
  '/bench_page.js': ['text/javascript', () => readFileSync(join(wasmFolder, 'bench_page.js'))],
  '/bench_page_bg.wasm': ['application/wasm', () => readFileSync(join(wasmFolder, 'bench_page_bg.wasm'))],
  '/uplot.js': ['text/javascript', () => readFileSync(join(uplot, 'uPlot.iife.min.js'))],
  '/uplot.css': ['text/css', () => readFileSync(join(uplot, 'uPlot.min.css'))],
};

const PAGE = `<!doctype html><meta charset="utf-8"><title>bench</title><link rel="stylesheet" href="/uplot.css">
<style>
  body { margin: 0; font-family: sans-serif; color: #333 }
  #ours { position: relative; height: 320px; width: 1100px }
  #ours canvas { position: absolute; inset: 0; width: 1100px; height: 320px }
  #area { position: absolute; left: 60px; top: 10px; width: 1030px; height: 280px }
  .ink-s1 { color: #4668e0 } .ink-s2 { color: #c07c1a } .ink-s3 { color: #2b97ee } .ink-s4 { color: #a336ae }
</style>
<div id="ours"><canvas id="axes"></canvas><canvas id="series"></canvas><div id="area"></div></div>
<div id="theirs"></div>
<script src="/uplot.js"></script>`;

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, deviceScaleFactor: 2 });
  const page = await context.newPage();
  page.on('pageerror', (error) => console.error(error));
  await page.route('http://bench.test/**', (route) => {
    const file = FILES[new URL(route.request().url()).pathname];
    return file ? route.fulfill({ contentType: file[0], body: file[1]() }) : route.abort();
  });
  await page.goto('http://bench.test/');
  const measured = await page.evaluate(measure, { lines: 4, points: 1500, rounds: 200, warmUp: 50 });
  if (process.env.BENCH_PICTURE) {
    await page.screenshot({ path: process.env.BENCH_PICTURE });
  }
  console.log(JSON.stringify({ ...measured, browser: browser.version() }));
} finally {
  await browser.close();
}

/** In the page. */
async function measure({ lines, points, rounds, warmUp }) {
  const { default: start, Drawn } = await import('/bench_page.js');
  await start({ module_or_path: '/bench_page_bg.wasm' });
  const begin = 1_781_361_000_000;
  const times = Float64Array.from({ length: points }, (_, at) => begin + at * 60_000);
  // The same numbers in every run: waves with noise of a small generator.
  let state = 42;
  const noise = () => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648;
  const values = Array.from({ length: lines }, (_, line) =>
    Float64Array.from({ length: points }, (_, at) => 30 + 12 * line + 6 * Math.sin(at / (40 + 9 * line)) + 8 * noise()),
  );
  const [axes, series, area] = ['axes', 'series', 'area'].map((id) => document.getElementById(id));
  const ours = Drawn.of(area, axes, series, times, Float64Array.from(values.flatMap((line) => [...line])));
  const colours = ['#4668e0', '#c07c1a', '#2b97ee', '#a336ae'];
  const data = [Float64Array.from(times, (t) => t / 1000), ...values];
  const theirs = new uPlot(
    {
      width: 1100,
      height: 320,
      legend: { show: false },
      series: [{}, ...colours.map((stroke) => ({ stroke, width: 1.75, points: { show: false } }))],
    },
    data,
    document.getElementById('theirs'),
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  const theirCanvas = theirs.ctx;
  const [axesContext, seriesContext] = [axes, series].map((canvas) => canvas.getContext('2d'));

  // Reading a pixel waits until everything before it is painted.
  const painted = (context) => context.getImageData(0, 0, 1, 1);
  const kinds = {
    ours: () => ours.draw(),
    // uPlot draws in a microtask.
    uplot: async () => {
      theirs.redraw(true, true);
      await null;
    },
    ours_new_data: () => ours.take_and_draw(),
    uplot_new_data: async () => {
      theirs.setData(data);
      await null;
    },
    ours_painted: () => {
      ours.draw();
      painted(axesContext);
      painted(seriesContext);
    },
    uplot_painted: async () => {
      theirs.redraw(true, true);
      await null;
      painted(theirCanvas);
    },
  };
  const all = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  for (const [a, b] of [['ours', 'uplot'], ['ours_new_data', 'uplot_new_data'], ['ours_painted', 'uplot_painted']]) {
    for (let round = 0; round < warmUp + rounds; round += 1) {
      // In turns, and each as often first as second.
      for (const kind of round % 2 === 0 ? [a, b] : [b, a]) {
        const before = performance.now();
        await kinds[kind]();
        const took = performance.now() - before;
        if (round >= warmUp) {
          all[kind].push(took);
        }
      }
      // What was drawn is painted before the next one: no drawing pays for those before it.
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    }
  }
  return all;
}
