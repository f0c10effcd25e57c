-- from :nowhere
select ':text', "a:b", x::int, '12:30', $$ :quoted $$
from t /* :comment */
where day >= :start and day < :end and due = :due
  and delay > :treshold and carrier = :carrier
