select 'Ü'
