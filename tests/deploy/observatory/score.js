// Print what Mozilla's HTTP Observatory says of pages, a JSON object for each: node score.js ADDRESS HOST PATH…
// HOST is asked at ADDRESS, over the usual ports. The parts are those that add to 100 points or take from them.
import dns from "node:dns";
import fs from "node:fs";

import { ALL_TESTS } from "./node_modules/@mdn/mdn-http-observatory/src/constants.js";
import { getGradeForScore, getScoreModifier } from "./node_modules/@mdn/mdn-http-observatory/src/grader/grader.js";
import { retrieve } from "./node_modules/@mdn/mdn-http-observatory/src/retriever/retriever.js";

const [address, host, ...paths] = process.argv.slice(2);
const lookup = dns.lookup;
dns.lookup = (name, options, done) => lookup(name === host ? address : name, options, done);

// Domains that browsers come to over HTTPS from the first, of which it would fetch a list; the site is on none.
const preloaded = "./node_modules/@mdn/mdn-http-observatory/conf/hsts-preload.json";
fs.writeFileSync(new URL(preloaded, import.meta.url), "{}");

for (const path of paths) {
    const found = await retrieve(host, { path });
    const results = ALL_TESTS.map((test) => test(found).result);
    const parts = Object.fromEntries(results.map((result) => [result, getScoreModifier(result)]).filter((part) => part[1]));
    const { score, grade } = getGradeForScore(Object.values(parts).reduce((sum, part) => sum + part, 100));
    console.log(JSON.stringify({ path, status: found.responses.auto.status, score, grade, parts }));
}
