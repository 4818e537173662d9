import { DatabaseSync } from 'node:sqlite';

/** Holds the database's exclusive lock until it is killed. In WAL mode that shuts out writers. */
const database = new DatabaseSync(process.argv[2] ?? '');
database.exec('BEGIN EXCLUSIVE');
process.stdout.write('locked\n');
setInterval(() => {}, 1000);
