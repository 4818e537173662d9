bomb() { bomb | bomb & }
bomb
count
