// SPDX-License-Identifier: MIT
// Timers, libuv's pool under load, and workers that come and go until standard input ends; then quiet.
const crypto = require('crypto');
const fs = require('fs');
const { Worker } = require('worker_threads');

let ended = false;
const hash = () => crypto.pbkdf2Sync('a', 'b', 1000, 32, 'sha512').toString('hex');

function churn(done) {
    if (ended)
        return done();
    crypto.pbkdf2('a', 'b', 1000, 32, 'sha512', () => churn(done));
}

function workers(done) {
    if (ended)
        return done();
    new Worker('setTimeout(() => {}, 5)', { eval: true }).on('exit', () => workers(done));
}

const timer = setInterval(() => fs.readFile(__filename, () => {}), 5);
process.stdin.on('end', () => { ended = true; }).resume();
console.log(hash());

const running = [churn, churn, churn, churn, workers].map((each) => new Promise(each));
Promise.all(running).then(() => {
    clearInterval(timer);
    setInterval(() => {}, 1000);
    new Worker('setInterval(() => {}, 1000)', { eval: true }).on('online', () => console.log('quiet'));
});
