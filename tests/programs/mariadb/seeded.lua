-- For sysbench, with one thread: the same inserts, updates and deletes in every run (sysbench's own tables differ from run to
-- run, whatever its seed), so that the table's checksum can be compared.

local ROWS = 2000

local function text(length)
   local letters = {}
   for i = 1, length do
      letters[i] = string.char(math.random(97, 122))
   end
   return table.concat(letters)
end

function prepare()
   math.randomseed(1)
   local connection = sysbench.sql.driver():connect()
   connection:query("CREATE TABLE seeded (id INT PRIMARY KEY, k INT NOT NULL, c TEXT NOT NULL, KEY (k))")
   for id = 1, ROWS, 100 do
      local rows = {}
      for row = id, id + 99 do
         rows[#rows + 1] = string.format("(%d, %d, '%s')", row, math.random(ROWS), text(100))
      end
      connection:query("INSERT INTO seeded VALUES " .. table.concat(rows, ", "))
   end
end

function thread_init()
   math.randomseed(2)
   connection = sysbench.sql.driver():connect()
end

function event()
   local id = math.random(ROWS)
   connection:query("BEGIN")
   connection:query(string.format("UPDATE seeded SET k = k + 1 WHERE id BETWEEN %d AND %d", math.random(ROWS), math.random(ROWS)))
   connection:query(string.format("UPDATE seeded SET c = '%s' WHERE id = %d", text(100), math.random(ROWS)))
   connection:query(string.format("DELETE FROM seeded WHERE id = %d", id))
   connection:query(string.format("INSERT INTO seeded VALUES (%d, %d, '%s')", id, math.random(ROWS), text(60000)))
   connection:query(math.random(4) == 1 and "ROLLBACK" or "COMMIT")
end

function thread_done()
   connection:disconnect()
end
