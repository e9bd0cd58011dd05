-- For sysbench: moves amounts between accounts and writes each move down. Whatever the order, afterwards the sum over all
-- accounts is what it was, and the journal has one row for each transaction that sysbench counted.

local ACCOUNTS = 200

function prepare()
   local connection = sysbench.sql.driver():connect()
   connection:query("CREATE TABLE account (id INT PRIMARY KEY, amount INT NOT NULL)")
   connection:query("CREATE TABLE journal (id INT AUTO_INCREMENT PRIMARY KEY, moved INT NOT NULL)")
   for id = 1, ACCOUNTS do
      connection:query(string.format("INSERT INTO account VALUES (%d, 1000)", id))
   end
end

function thread_init()
   connection = sysbench.sql.driver():connect()
end

function event()
   local from = sysbench.rand.uniform(1, ACCOUNTS)
   local to = sysbench.rand.uniform(1, ACCOUNTS)
   local amount = sysbench.rand.uniform(1, 10)
   connection:query("BEGIN")
   connection:query(string.format("UPDATE account SET amount = amount - %d WHERE id = %d", amount, from))
   connection:query(string.format("UPDATE account SET amount = amount + %d WHERE id = %d", amount, to))
   connection:query(string.format("INSERT INTO journal (moved) VALUES (%d)", amount))
   connection:query("COMMIT")
end

function thread_done()
   connection:disconnect()
end

-- Two that wait for each other: one is undone and begins again.
sysbench.hooks.sql_error_ignorable = function(err)
   if err.sql_errno == 1213 or err.sql_errno == 1205 then
      connection:query("ROLLBACK")
      return true
   end
end
